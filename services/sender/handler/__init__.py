"""The sender's two halves: accepting requests from queues, and delivering what is stored."""
