"""What people read: pages, pictures and the words in them. Pure; every answer passes the neutraliser."""
