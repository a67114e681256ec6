"""What pages read: by the ORM, or by SQL where that says it better, and then why."""
