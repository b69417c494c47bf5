"""`dwnet serve`: a web page on this machine that animates a photo by the motion of a video."""
