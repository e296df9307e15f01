useradd -M weak
usermod -p '$1$palisade$4Nbb4kvVGSoVzJ/Zy1d6N0' weak
