"""What people read at the end: an HTML page that needs no other file, and a table on the terminal."""
