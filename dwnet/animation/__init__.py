"""`dwnet animate`: a picture moves as a video does, frame after frame, in memory that does not grow with the length of the video."""
