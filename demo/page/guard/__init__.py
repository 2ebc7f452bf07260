"""What keeps one visitor from harming another: bodies, hosts and origins, uploads, connections."""
