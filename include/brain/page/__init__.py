"""What the Brain page shows, as plain values: read from warehouse, model store and lake. Written is only feedback."""
