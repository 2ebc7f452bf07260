"""What whoever runs the page sees of it: health, metrics, an access log, nothing of films or people."""
