module ocelli.example/caption

go 1.19
