"""The pages of the fleet's rules, a module for each subject."""
