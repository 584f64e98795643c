"""Who may do what, where: the authorization rules of Azure as pure functions over values."""
