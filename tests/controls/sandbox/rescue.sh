open_unit rescue
