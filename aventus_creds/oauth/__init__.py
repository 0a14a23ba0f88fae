"""What is said to an authorization server: pure requests and answers, and the one client that sends them."""
