"""What `webhook` and `notify` do, and what a sweep does for them."""
