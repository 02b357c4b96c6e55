extern int tote__none;
