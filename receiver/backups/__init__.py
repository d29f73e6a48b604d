"""Backups that are known to restore: made, checked, kept, proven and brought back.

What is to be kept, what may go and what counts as proven is decided in `receiver.decide.backups`; here it is done.
"""
