import { createRouter, createWebHistory } from "vue-router";
import { root } from "@/api/places";
import { keepInFrame } from "./embedding";
import { tellOfLostRooms } from "./lostRooms";
import { rooms } from "@/rooms";

export const router = createRouter({
  history: createWebHistory(`${root}/`),
  routes: [
    ...rooms.flatMap((room) => room.routes),
    { path: "/:rest(.*)*", name: "nowhere", component: () => import("./rooms/NoRoom.vue") },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

keepInFrame(router);
tellOfLostRooms(router);
