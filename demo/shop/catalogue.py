"""What the shop sells."""

PRODUCTS = (
    {"id": 1, "name": "self-heal tea", "cents": 490},
    {"id": 2, "name": "plaster, assorted", "cents": 320},
    {"id": 3, "name": "spare fuse", "cents": 110},
)
