"""Operations on VMs that clients request, each carried out by one host."""
