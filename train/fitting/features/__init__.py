"""What the frozen part of network B makes of films, kept, and the batches of it that its head is trained on."""
