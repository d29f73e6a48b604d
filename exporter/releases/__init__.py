"""Which release serves, as the receiver's ledger says it, or a file that the deploy leaves."""
