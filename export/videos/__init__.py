# Endings of names of video files; here, as PyAV takes long to import.
CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts")
CLIP_SUFFIXES += (".m2ts", ".3gp", ".wmv", ".flv", ".ogv")
