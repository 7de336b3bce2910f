"""Documents, manifests, staged files and names that were altered at random; what comes of each is counted."""
