"""How many hosts request lists need, and what is allocated on them."""
