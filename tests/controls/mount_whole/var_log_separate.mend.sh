: # by var_tmp_separate
