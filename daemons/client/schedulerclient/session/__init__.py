"""The connection to the server: its address, requests, retries."""
