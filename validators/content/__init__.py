"""What the texts of a leaf and of its attribution say: facts, secrets, licences, placeholders, with their places."""
