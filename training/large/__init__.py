"""The larger model: 576 image tokens, 16 layers, pictures with more to see."""
