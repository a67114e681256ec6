"""The fleet's rules beside the backlog: who is who, and what each may do."""
