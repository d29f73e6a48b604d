"""The native local stack: every part a plain process on loopback under one supervisord, all state in one folder."""
