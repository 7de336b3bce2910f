"""What use cases about the customers of a shop share: settings, orders, and the gate in front of them."""
