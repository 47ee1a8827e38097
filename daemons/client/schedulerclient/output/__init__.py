"""What commands print: tables, JSON, numbers, errors."""
