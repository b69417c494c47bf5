"""`dwnet animate --preview`: what the maps say of photo and motion, before anything is generated."""
