"""What is done with tokens and kept answers, without Django."""
