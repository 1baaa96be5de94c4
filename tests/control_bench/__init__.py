"""What the tests of the control plane share: stores on both databases, valid values, a place to die at any line."""
