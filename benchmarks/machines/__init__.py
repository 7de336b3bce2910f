"""Servers that machines share where there is more than one: an object store and a queue, real ones from wheels."""
