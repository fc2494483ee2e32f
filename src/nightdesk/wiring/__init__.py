"""The composition root of production: config and adapters become a node, processes become a desk."""
