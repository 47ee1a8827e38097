"""The agent of a live host: decides on operations, carries them out, and records them."""
