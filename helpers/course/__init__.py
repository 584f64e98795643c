"""What the course needs on Azure: looked at before anything is made, found or made, marked, and put back."""
