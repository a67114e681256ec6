"""The pages of the fleet's rules, a module each."""
