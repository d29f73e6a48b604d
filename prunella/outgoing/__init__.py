"""How the calls of an app carry its correlation id on, by the library that makes them."""
