"""What goes over REST: endpoints, requests, replies, error codes. No behaviour."""
