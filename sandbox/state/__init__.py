"""What the sandbox remembers: resources, principals, role assignments and roles, and operations that go on."""
