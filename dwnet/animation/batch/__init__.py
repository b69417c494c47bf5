"""`dwnet batch`: many pictures and motions with one generator; what is there already and made from the same is not made again."""
