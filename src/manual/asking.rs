//! What is my node asking? From a question to the command that answers it.
