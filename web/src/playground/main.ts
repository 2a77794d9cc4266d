// The playground: its tabs, in the order in which they are shown.
import {curvesTab} from "./curves_tab";
import {depthTab} from "./depth_tab";
import {learnTab} from "./learn_tab";
import {mapTab} from "./map_tab";
import {practiceTab} from "./practice_tab";
import {showPlayground} from "./shell";
import {trainTab} from "./train_tab";

showPlayground(document.getElementById("page")!, [curvesTab, depthTab, trainTab, mapTab, learnTab, practiceTab]);
