"""One module for every framework whose requests the kit can measure."""
