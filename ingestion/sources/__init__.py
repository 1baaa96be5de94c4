"""Where event files come from. What happens to their lines is loader.py's."""
