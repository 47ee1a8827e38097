"""What commands write: tables, and manifests of what they were made from."""
