"""`prunella`: what an operator asks and says, over the receiver's API."""
